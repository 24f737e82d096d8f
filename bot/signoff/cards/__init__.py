"""What people see, as data: pure functions from the record to a neutral card."""

from signoff.cards.types import Action as Action
from signoff.cards.types import Button as Button
from signoff.cards.types import Card as Card
from signoff.cards.types import Details as Details
from signoff.cards.types import Fact as Fact
from signoff.cards.types import Row as Row
from signoff.cards.types import Tone as Tone
