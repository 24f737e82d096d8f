"""Neutral cards and forms → Block Kit. Pure: no SDK, no I/O."""

from signoff_slack.render.card import message as message
from signoff_slack.render.said import private as private
from signoff_slack.render.said import said as said
from signoff_slack.render.view import details as details
from signoff_slack.render.view import form as form
from signoff_slack.render.view import notice as notice
from signoff_slack.render.view import page_of as page_of
