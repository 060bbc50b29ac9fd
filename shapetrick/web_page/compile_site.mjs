// Compiles the Python of a site with the Python that will run it, and computes the parser's tables:
// a browser then starts in less than half the time. Called by site.py, with Node.
import {readFileSync, writeFileSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

const COMPILE = `
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash
from zipfile import ZipFile, ZipInfo

def compile_archive(before, after):
    with ZipFile(before) as old, ZipFile(after, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".py"):
                code = compile(data, name, "exec", dont_inherit=True)
                data, name = _code_to_hash_pyc(code, source_hash(data), False), name + "c"
            new.writestr(ZipInfo(name), data)

compile_archive
`;
// In the worker's folder: the parser's library keeps the path of the tables in them.
const PREPARE = `
import os, sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

def prepare(archive):
    os.environ["XDG_CACHE_HOME"] = "/shapetrick/cache"
    sys.path.insert(0, "/shapetrick")
    from shapetrick.web_page.answers import answer
    assert not answer({"ask": "answers", "text": r"x : n; J = x' x; \\nabla_x J"}, None)["errors"]
    with ZipFile(archive, "a") as own:
        for path in sorted(Path("/shapetrick/cache").rglob("*")):
            if path.is_file():
                name = path.relative_to("/shapetrick").as_posix()
                own.writestr(ZipInfo(name), path.read_bytes())

prepare
`;

async function main() {
  const [pyodide, own, ...others] = process.argv.slice(2).map((path) => resolve(path));
  const {loadPyodide} = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
  const env = {PYTHONNODEBUGRANGES: "1"}; // tables for carets in tracebacks: a third of the size
  const python = await loadPyodide({indexURL: `${pyodide}/`, env});
  const compileArchive = python.runPython(COMPILE);
  for (const path of [own, ...others]) {
    python.FS.writeFile("/before.zip", readFileSync(path));
    compileArchive("/before.zip", "/after.zip");
    const compiled = python.FS.readFile("/after.zip");
    writeFileSync(path, compiled);
    python.unpackArchive(compiled.slice().buffer, "zip", {extractDir: "/shapetrick"});
  }
  python.FS.writeFile("/own.zip", readFileSync(own));
  python.runPython(PREPARE)("/own.zip");
  writeFileSync(own, python.FS.readFile("/own.zip"));
}

try {
  await main();
} catch (reason) {
  console.error(reason.message);
  process.exit(1);
}
