// Lets Python begin as a site's worker does, and writes its memory, from which the worker goes on: a
// browser then starts in less than half the time. Called by site.py, with Node.
import {readFileSync, writeFileSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

const COMPILE = `
import ast
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash
from zipfile import ZipFile, ZipInfo

def bare(code):
    """Without the lines of the source, of which each byte says that it is of none."""
    full, rest = divmod(len(code.co_code) // 2, 8)
    lines = bytes([0xFF] * full + [0xF7 + rest] * bool(rest))
    inner = (bare(c) if isinstance(c, type(code)) else c for c in code.co_consts)
    return code.replace(co_linetable=lines, co_consts=tuple(inner))

def forget_types(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None

def compile_archive(before, after):
    with ZipFile(before) as old, ZipFile(after, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".py"):
                level = 0 if name == "numpy/_core/multiarray.py" else 2  # it reads its docstrings
                tree = ast.parse(data)
                if name.startswith("shapetrick/"):
                    forget_types(tree)
                code = bare(compile(tree, name, "exec", dont_inherit=True, optimize=level))
                data, name = _code_to_hash_pyc(code, source_hash(data), False), name + "c"
            new.writestr(ZipInfo(name), data)

compile_archive
`;

const IMPORTED = `
json.dumps([name for name, m in sys.modules.items() if getattr(m, "__spec__", None)])
`;

const HIDE = `
import sys, types
sys.modules["ctypes"] = None # its functions are made by the browser: they are in no memory
for name in ("_add_newdocs", "_add_newdocs_scalars"): # texts for people
    sys.modules[f"numpy._core.{name}"] = types.ModuleType(name)
`;

const LEAVE_OUT = `
def leave_out(before, after):
    with ZipFile(before) as old, ZipFile(after, "w") as new:
        for name in old.namelist():
            module = name.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")
            if module == name or module not in sys.modules:
                new.writestr(ZipInfo(name), old.read(name))

leave_out
`;

const IMPORT = `
import gc, importlib

sys.path.insert(0, "/shapetrick")
gc.disable()
for name in names:
    importlib.import_module(name)
next(path for path in sys.path if path.endswith(".zip"))
`;

const SETTLE = `
for finder in filter(None, sys.path_importer_cache.values()):
    finder.invalidate_caches() # that of importlib imports what is for packages alone
gc.collect()
gc.freeze()
gc.enable()
`;

async function main() {
  const [pyodide, interpreter, own, standard, libraries, memory] = process.argv.slice(2).map(
    (path) => resolve(path));
  const imported = (path) => import(pathToFileURL(path).href);
  const {files, loadFirst, START, toggle, unpack} = await imported(interpreter);
  const {loadPyodide} = await imported(`${pyodide}/pyodide.mjs`);
  const read = (path) => new Uint8Array(readFileSync(path)).buffer;
  const options = {indexURL: `${pyodide}/`, env: {PYTHONHASHSEED: "0", PYTHONNODEBUGRANGES: "1"}};

  const first = await loadPyodide(options);
  const rewrite = (rewritten) => {
    for (const path of [own, standard]) {
      first.FS.writeFile("/before.zip", readFileSync(path));
      rewritten("/before.zip", "/after.zip");
      writeFileSync(path, first.FS.readFile("/after.zip"));
    }
  };
  rewrite(first.runPython(HIDE + COMPILE));
  for (const path of [own, libraries]) unpack(first.FS, read(path));
  first.runPython(START);
  const names = `names = ${first.runPython(IMPORTED)}`;

  let beginning = new Uint32Array();
  const programs = [...files(read(libraries))];
  loadFirst(
    programs.map(([path, bytes]) => [path, new WebAssembly.Module(bytes)]),
    (words) => beginning = words.slice(),
  );
  const python = await loadPyodide(
    {...options, stdLibURL: pathToFileURL(standard).href, _makeSnapshot: true});
  unpack(python.FS, read(own));
  for (const [path] of programs) python.FS.writeFile(path, ""); // it is looked for, and loaded
  const archive = python.runPython([HIDE, names, IMPORT].join("\n"));

  rewrite(first.runPython(LEAVE_OUT));
  python.FS.writeFile(archive, readFileSync(standard));
  python.runPython(SETTLE);
  const snapshot = python.makeMemorySnapshot();
  toggle(snapshot, beginning);
  writeFileSync(memory, snapshot);
}

try {
  await main();
} catch (reason) {
  console.error(reason.message);
  process.exit(1);
}
