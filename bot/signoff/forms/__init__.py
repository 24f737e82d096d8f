"""JSON Schema → neutral form fields; submitted strings → typed, validated values; before/after."""

from signoff.forms.build import edit_form as edit_form
from signoff.forms.build import json_form as json_form
from signoff.forms.build import response_form as response_form
from signoff.forms.carry import carry as carry
from signoff.forms.check import check_schema as check_schema
from signoff.forms.check import validate as validate
from signoff.forms.confirm import check_confirm as check_confirm
from signoff.forms.confirm import confirm_form as confirm_form
from signoff.forms.fill import check_edit as check_edit
from signoff.forms.fill import fill as fill
from signoff.forms.more import More as More
from signoff.forms.more import What as What
from signoff.forms.more import more_form as more_form
from signoff.forms.more import read_more as read_more
from signoff.forms.more import span as span
from signoff.forms.reject import reason as reason
from signoff.forms.reject import reject_form as reject_form
from signoff.forms.reject import retry as retry
from signoff.forms.types import Field as Field
from signoff.forms.types import FieldKind as FieldKind
from signoff.forms.types import Form as Form
from signoff.forms.types import Option as Option
from signoff.forms.types import Purpose as Purpose
from signoff.model import changes as changes
from signoff.model.schema import properties as properties
