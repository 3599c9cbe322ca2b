/** Encoder of WebAssembly modules: https://webassembly.github.io/spec/core/binary/modules.html */
import { ByteWriter } from './bytes.ts';
import { CONTROL, VALUE_TYPES, type ValueType } from './instructions.ts';

/** The body of a function; locals are numbered after the parameters. */
export interface FunctionBody {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | undefined;
  readonly locals: readonly ValueType[];
  /** Instructions, without the last `end`. */
  readonly code: ByteWriter;
}

export interface ModuleParts {
  readonly functions: readonly FunctionBody[];
  /** Name and number of the exported function. */
  readonly exported: { readonly name: string; readonly number: number };
  /** True if the imported memory is shared between threads. */
  readonly sharedMemory: boolean;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const FUNCTION_TYPE = 0x60;
const MEMORY = 2;
const FUNCTION = 0;
/** Limits of a memory: with a maximum; shared. An import's minimum 0 and maximum 2¹⁶ pages fit every memory. */
const LIMITS = { unshared: [0x00, 0], shared: [0x03, 0] } as const;
const MAXIMUM_PAGES = 65536;

/** Write an instruction's code: its prefix, if it has one, and its number. */
export function writeCode(to: ByteWriter, code: number): void {
  const prefix = code >> 16;
  if (prefix === 0) to.byte(code);
  else {
    to.byte(prefix);
    to.unsigned(code & 0xffff);
  }
}

/** Return a module that imports `env.memory` and exports one function. */
export function encodeModule({ functions, exported, sharedMemory }: ModuleParts): Uint8Array<ArrayBuffer> {
  const module = new ByteWriter(4096);
  module.bytes(MAGIC);
  section(module, SECTION.type, functions, (to, { parameters, result }) => {
    to.byte(FUNCTION_TYPE);
    types(to, parameters);
    types(to, result ? [result] : []);
  });
  section(module, SECTION.import, [sharedMemory], (to, shared) => {
    to.name('env');
    to.name('memory');
    to.byte(MEMORY);
    to.bytes(shared ? LIMITS.shared : LIMITS.unshared);
    if (shared) to.unsigned(MAXIMUM_PAGES);
  });
  section(module, SECTION.function, functions, (to, _, number) => to.unsigned(number));
  section(module, SECTION.export, [exported], (to, { name, number }) => {
    to.name(name);
    to.byte(FUNCTION);
    to.unsigned(number);
  });
  section(module, SECTION.code, functions, (to, body) => to.sized(encodeBody(body)));
  return module.finish();
}

function encodeBody({ locals, code }: FunctionBody): ByteWriter {
  const body = new ByteWriter(code.length + 64);
  const runs = runsOf(locals);
  body.unsigned(runs.length);
  for (const { type, count } of runs) {
    body.unsigned(count);
    body.byte(VALUE_TYPES[type]);
  }
  body.append(code);
  body.byte(CONTROL.end);
  return body;
}

function runsOf(types: readonly ValueType[]): { type: ValueType; count: number }[] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  return runs;
}

function section<T>(
  module: ByteWriter,
  id: number,
  entries: readonly T[],
  write: (to: ByteWriter, entry: T, number: number) => void,
): void {
  const content = new ByteWriter();
  content.unsigned(entries.length);
  for (const [number, entry] of entries.entries()) write(content, entry, number);
  module.byte(id);
  module.sized(content);
}

function types(to: ByteWriter, list: readonly ValueType[]): void {
  to.unsigned(list.length);
  for (const type of list) to.byte(VALUE_TYPES[type]);
}
