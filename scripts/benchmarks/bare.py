"""Imported first where only torch and numpy are installed: the registry of tasks would import all they need."""

import sys
from pathlib import Path
from types import ModuleType

package = ModuleType("tasks")
package.__path__ = [str(Path(__file__).parents[2] / "tasks")]
sys.modules["tasks"] = package
