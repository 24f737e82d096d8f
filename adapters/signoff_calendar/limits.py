"""What a calendar may cost."""

SIZE = 2 * 1024 * 1024
"""Bytes of one calendar."""
FETCH = 10.0
"""Seconds that fetching one may take."""
CPU = 10
"""Seconds of a processor that reading one may take."""
READING = 12.0
"""Seconds that reading one may take, whatever it waits for."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of address space that reading one may take."""
WINDOW = 24 * 3600.0
"""Seconds for which one reading holds, if the text does not change."""
REFUSED = 600.0
"""Seconds after which a text that could not be read is tried again."""
