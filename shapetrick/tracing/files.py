"""A function in a Python file, which is run as the module that it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import InputError
from ..core.warnings import nearest
from .source_places import innermost


def function_in(file: str, name: str) -> Callable[..., Any]:
    """The function of that name, what the file imports being looked for beside it too. Raises
    InputError."""
    module = _loaded(Path(file))
    found = getattr(module, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise InputError(f"`{name}` in {file} is no function, but a {type(found).__name__}.")
    names = [n for n, f in vars(module).items() if callable(f) and not n.startswith("_")]
    alike = nearest(name, names)
    said = f"did you mean `{alike}`?" if alike else f"there are {', '.join(names) or 'none'}."
    raise InputError(f"{file} has no function `{name}`: {said}")


def _loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"cannot read {path}: there is no such Python file.")
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.parent))
    try:
        with redirect_stdout(sys.stderr):  # the answer alone is our output
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}.") from None
    except Exception as error:
        message = f"the file fails where it is loaded: {type(error).__name__}: {error}"
        place = innermost(error.__traceback__)
        raise (InputError(message) if place is None else place.refusal(message)) from None
    finally:
        sys.path.remove(str(path.parent))
    return module
