"""What people see, as data: pure functions from the record to a neutral card."""

from signoff.cards.card import card as card
from signoff.cards.card import details as details
from signoff.cards.card import pointer as pointer
from signoff.cards.card import shortened as shortened
from signoff.cards.notices import notice_text as notice_text
from signoff.cards.types import Action as Action
from signoff.cards.types import Button as Button
from signoff.cards.types import Card as Card
from signoff.cards.types import Details as Details
from signoff.cards.types import Fact as Fact
from signoff.cards.types import Row as Row
from signoff.cards.types import Tone as Tone
from signoff.cards.words import moment as moment
