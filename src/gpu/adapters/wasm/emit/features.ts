/** Features of the engine that runs the modules. */
import { encodeModule, writeCode } from './assembler.ts';
import { ByteWriter } from './bytes.ts';
import { INSTRUCTIONS } from './instructions.ts';

let relaxed: boolean | undefined;

/** Return true if the engine has relaxed multiply-adds. */
export function hasRelaxed(): boolean {
  relaxed ??= WebAssembly.validate(probe());
  return relaxed;
}

/** A module with a function that uses a relaxed instruction. */
function probe(): Uint8Array<ArrayBuffer> {
  const code = new ByteWriter();
  for (const local of [0, 1, 2]) code.bytes([0x20, local]);
  writeCode(code, INSTRUCTIONS.get('f32x4.relaxed_madd')?.code ?? 0);
  const body = { parameters: ['v128', 'v128', 'v128'], result: 'v128', locals: [], code } as const;
  return encodeModule({ functions: [body], exported: { name: 'probe', number: 0 }, sharedMemory: false });
}
