"""The screens of a review, made from plain data. All pure; nothing that an agent has sent makes them raise.

    words(code, request, names) -> str               why not, or what came of it, in a few words
    Told(request | None, code, text="")              one request of a preflight or of results; `text` instead of words()
    group(window) -> tuple[Alike, ...]               Alike: key `g3`, members (places in the window), title, detail…
    group_pages(groups) -> int                       how many pages of twenty groups
    entry_place("r12") -> 12 · opened_key("g3:40") -> ("g3", 40)
    sieve_value(value, counts) -> str | None         what an option of a Choice stands for
    listing(review, window, marks, chosen, groups, page, opened, first, more, sieve, counts, names, notice) -> Listing
    told_line(told, names) -> Line · excluded_lines(told, names) -> tuple[Line, ...] · preflight_pages(lines, excluded)
    preflight(review, key, kind, lines, excluded, page, fault) -> Preflight
    working(review, kind, done, total) -> Working
    results(review, kind, batch, codes, lines, page) -> Results
    single(review, key, request, code, who, names, place, of, notice) -> Single
    came(code, request, names) -> str                `Approved: Refund A-1001`, for the notice of the next single
    home(counts, waiting, decided, more_decided, grants, delegations, person, names) -> Home

A window is what is held still of the queue while somebody looks: entry `r<n>` is the n-th request in it and group
`g<n>` the one whose first member is the n-th, so keys stay good while it stands, also when some of it have gone (None).
Pages count from 0; a page that does not exist is the nearest one that does.
"""

from signoff.cards.queue.groups import Alike as Alike
from signoff.cards.queue.groups import group as group
from signoff.cards.queue.home import home as home
from signoff.cards.queue.listing import GROUPS as GROUPS
from signoff.cards.queue.listing import Counts as Counts
from signoff.cards.queue.listing import entry_place as entry_place
from signoff.cards.queue.listing import group_pages as group_pages
from signoff.cards.queue.listing import listing as listing
from signoff.cards.queue.listing import opened_key as opened_key
from signoff.cards.queue.listing import sieve_value as sieve_value
from signoff.cards.queue.marks import DONE as DONE
from signoff.cards.queue.marks import Code as Code
from signoff.cards.queue.marks import Told as Told
from signoff.cards.queue.marks import words as words
from signoff.cards.queue.pages import excluded_lines as excluded_lines
from signoff.cards.queue.pages import preflight as preflight
from signoff.cards.queue.pages import preflight_pages as preflight_pages
from signoff.cards.queue.pages import results as results
from signoff.cards.queue.pages import told_line as told_line
from signoff.cards.queue.pages import working as working
from signoff.cards.queue.single import came as came
from signoff.cards.queue.single import single as single
