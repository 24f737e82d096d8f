"""Microsoft Teams as one of Signoff's chats. Importing this loads no SDK: botbuilder comes with `build`."""

from signoff_teams.plugin import plugin as plugin
