"""Looking through what waits, deciding many at once or one after the other."""

from signoff.desk.review.reviews import Reviews as Reviews
