"""Cards, forms, screens and answers as Adaptive Card JSON. Pure: no I/O, no SDK."""

from signoff_teams.render.answers import CARD as CARD
from signoff_teams.render.card import LIMIT as LIMIT
from signoff_teams.render.card import Mode as Mode
from signoff_teams.render.details import details as details
from signoff_teams.render.form import form as form
from signoff_teams.render.message import card as card
from signoff_teams.render.moves import Place as Place
from signoff_teams.render.pages import Page as Page
from signoff_teams.render.pages import page as page
from signoff_teams.render.screens import gone as gone
from signoff_teams.render.screens import home as home
from signoff_teams.render.screens import screen as screen
from signoff_teams.render.text import Json as Json
