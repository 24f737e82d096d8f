"""importlib mode puts no test folder on the path, and some of these tests share what they make."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
