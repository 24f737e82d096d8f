"""`signoff pending --review`: look through the queue at the keyboard. A pure state, a drawing, a loop."""

from signoff.cli.review.loop import run as run
