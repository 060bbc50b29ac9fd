// Compiles the Python of a site with the Python that will run it: a browser then starts in less than
// half the time. Called by site.py, with Node.
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

async function main() {
  const [pyodide, ...archives] = process.argv.slice(2).map((path) => resolve(path));
  const {loadPyodide} = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
  const env = {PYTHONNODEBUGRANGES: "1"}; // tables for carets in tracebacks: a third of the size
  const python = await loadPyodide({indexURL: `${pyodide}/`, env});
  const compileArchive = python.runPython(COMPILE);
  for (const path of archives) {
    python.FS.writeFile("/before.zip", readFileSync(path));
    compileArchive("/before.zip", "/after.zip");
    writeFileSync(path, python.FS.readFile("/after.zip"));
  }
}

try {
  await main();
} catch (reason) {
  console.error(reason.message);
  process.exit(1);
}
