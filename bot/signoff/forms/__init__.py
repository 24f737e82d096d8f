"""JSON Schema → neutral form fields; submitted strings → typed, validated values; before/after."""

from signoff.forms.types import Field as Field
from signoff.forms.types import FieldKind as FieldKind
from signoff.forms.types import Form as Form
from signoff.forms.types import Option as Option
from signoff.forms.types import Purpose as Purpose
