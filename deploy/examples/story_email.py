"""An e-mail is drafted by a model and rewritten by a person before it is sent: a form out, the edited object back.

pip install signoff
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name mail
python story_email.py lena@example.com

The fields of the form, and what may stand in them, are those of the model. The rule `e-mails` of policy.yaml keeps the
address as it is. With an agent that calls the mail server as a tool: langchain_email.py.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import BaseModel, Field

from signoff import Gate, NotRun, Rejected

gate = Gate(agent="mail")


class EmailDraft(BaseModel):
    to: str
    subject: str = Field(max_length=80)
    body: str = Field(max_length=2000)


async def main(to: str) -> str:
    """Raises NotRun."""
    draft = EmailDraft(to=to, subject="Your order", body="It comes.")  # a model writes it here
    final = await gate.review(draft, reason="She asked where her order is", editable=["subject", "body"])
    return f"sent to {final.to}: {final.subject} / {final.body}"  # the mail server is called here


if __name__ == "__main__":
    try:
        print(asyncio.run(main(sys.argv[1])))
    except NotRun as no:
        print(no)
        sys.exit(10 if isinstance(no, Rejected) else 1)
