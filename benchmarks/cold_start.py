"""How long a person waits for the first answer: fresh processes beside `import numpy`.

    python benchmarks/cold_start.py             about half a minute
    python benchmarks/cold_start.py --write     and keeps the figures in RESULTS.md

Five commands run in turn, each in a process of its own: `python -c "import numpy"`, `shapetrick
derive examples/linear_regression.st`, `code` of the same, `check` of a claim, and `shapetrick
--help`. A round runs each once, so that what else the machine does meets all of them. Wall time is
from the start of the process to its end, CPU time what the system says that it used; ratios are of
the least and of the median. The first round is thrown away: it fills the caches of the disk.

What is measured is an installed package with its byte code, as `pip install` leaves it: the wheel
is built and installed into a directory of its own, and PYTHONDONTWRITEBYTECODE is taken out of the
environment. (A checkout under that variable compiles every file at each start.) The packages that
it needs are those of the Python that runs this.

A second table lists, per package, the seconds that `-X importtime` says its modules take. Packages
that must not be imported on the way are looked for in sys.modules. Exits with 1 if there is one,
or if a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

from record import record, table

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "examples/linear_regression.st"
DERIVE, CODE, HELP = (
    f"shapetrick derive {EXAMPLE}",
    f"shapetrick code {EXAMPLE}",
    "shapetrick --help",
)
CLAIM = "X : m x d; w : d; J = norm(X w)^2; check grad J wrt w = 2 X' X w"
CHECK = f'shapetrick check -e "{CLAIM}"'
NUMPY = 'python -c "import numpy"'
GOALS = {DERIVE: 2.2, CHECK: 2.2, CODE: 2.2, HELP: 0.5}  # times the import of numpy
HEAVY = ("sympy", "jax", "torch", "prompt_toolkit", "scipy", "matplotlib", "IPython")
UNWANTED = {DERIVE: HEAVY, CHECK: HEAVY, CODE: HEAVY, HELP: (*HEAVY, "numpy", "lark", "rich")}
MOST_ROWS = 10
MODULES = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from shapetrick.cli import main
sys.exit(main(sys.argv[1:]))
"""
IMPORTED = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*([\w.]+)")


class Took(NamedTuple):
    """Of one process, in seconds."""

    wall: float
    cpu: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="of each command")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        site = Path(directory)
        environment = installed(site)
        script = str(site / "bin" / "shapetrick")
        commands = {
            NUMPY: [sys.executable, "-c", "import numpy"],
            **{name: [script, *arguments(name)] for name in GOALS},
        }
        taken: dict[str, list[Took]] = {name: [] for name in commands}
        for _ in range(args.rounds + 1):
            for name, command in commands.items():
                taken[name].append(run(command, environment))
        timed = {name: runs[1:] for name, runs in taken.items()}
        found = {name: unwanted(name, environment) for name in GOALS}
        imports = import_times(environment)
    lines = [
        f"{args.rounds} fresh processes of each, in turn; milliseconds.", "",
        *table(
            ("command", "least wall", "median wall", "least CPU", "median CPU",
             "times numpy: least", "median", "CPU, median", "goal"),
            [row(name, timed) for name in timed],
        ), "",
        *(f"Of {', '.join(UNWANTED[name])}, `{name}` imports {', '.join(names) or 'none'}."
          for name, names in found.items()), "",
        f"What `{DERIVE}` imports, by package, as `-X importtime` has it (which is slower):", "",
        *table(("package", "modules", "ms"), imports),
    ]  # fmt: skip
    print("\n".join(lines))
    if args.write:
        record("cold_start.py", lines, ("numpy", "lark", "rich"))
    missed = [n for n, goal in GOALS.items() if max(ratios(timed, n)[:2]) > goal]
    return int(bool(missed) or any(found.values()))


def installed(site: Path) -> dict[str, str]:
    """Installs the package; gives the environment in which it is the one that is found."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    subprocess.run([*install, str(ROOT)], check=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPATH": str(site)}


def run(command: list[str], environment: dict[str, str]) -> Took:
    """Runs a command and waits for it. Raises CalledProcessError if it fails."""
    before, begin = children(), time.perf_counter()
    subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return Took(time.perf_counter() - begin, children() - before)


def children() -> float:
    """The CPU seconds of all processes that were run and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ratios(timed: dict[str, list[Took]], name: str) -> tuple[float, float, float]:
    """Of the least and the median wall time, and of the median CPU time, to NumPy's."""

    def figures(runs: list[Took]) -> tuple[float, float, float]:
        walls, cpus = zip(*runs, strict=True)
        return min(walls), median(walls), median(cpus)

    least, middle, cpu = (
        a / b for a, b in zip(figures(timed[name]), figures(timed[NUMPY]), strict=True)
    )
    return least, middle, cpu


def row(name: str, timed: dict[str, list[Took]]) -> list[str]:
    walls, cpus = zip(*timed[name], strict=True)
    figures = [f"{1e3 * s:.0f}" for s in (min(walls), median(walls), min(cpus), median(cpus))]
    goal = f"{GOALS[name]:g}" if name in GOALS else ""
    return [f"`{name}`", *figures, *(f"{r:.2f}" for r in ratios(timed, name)), goal]


def arguments(name: str) -> list[str]:
    return shlex.split(name)[1:]


def unwanted(name: str, environment: dict[str, str]) -> list[str]:
    """The packages that a command has imported at its end and shouldn't have."""
    command = [sys.executable, "-c", MODULES, *arguments(name)]
    ran = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    tops = {module.split(".")[0] for module in ran.stderr.split()}
    return [package for package in UNWANTED[name] if package in tops]


def import_times(environment: dict[str, str]) -> list[tuple[str, int, str]]:
    """The packages whose modules take longest to import: how many modules, milliseconds."""
    command = [sys.executable, "-X", "importtime", "-c", MODULES, *arguments(DERIVE)]
    ran = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules, micros = Counter[str](), Counter[str]()
    for took, module in IMPORTED.findall(ran.stderr):
        package = module.split(".")[0]
        own = package if package in ("numpy", "shapetrick", "lark", "rich") else "other packages"
        if package in sys.stdlib_module_names:
            own = "the standard library"
        modules[own] += 1
        micros[own] += int(took)
    return [(p, modules[p], f"{n / 1e3:.0f}") for p, n in micros.most_common(MOST_ROWS)]


if __name__ == "__main__":
    sys.exit(main())
