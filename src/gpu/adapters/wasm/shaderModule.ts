/** Shader modules. */
import type { DeviceState } from './state.ts';
import { WgslError } from './wgsl/error.ts';
import type { Shader } from './wgsl/tree.ts';

class CompilationMessage implements GPUCompilationMessage {
  declare readonly __brand: 'GPUCompilationMessage';
  readonly type = 'error';
  readonly offset = 0;
  readonly length = 0;
  readonly message: string;
  readonly lineNum: number;
  readonly linePos: number;

  constructor({ message, line, column }: WgslError) {
    this.message = message;
    this.lineNum = line;
    this.linePos = column;
  }
}

class CompilationInfo implements GPUCompilationInfo {
  declare readonly __brand: 'GPUCompilationInfo';
  readonly messages: readonly CompilationMessage[];

  constructor(messages: readonly CompilationMessage[]) {
    this.messages = messages;
  }
}

export class WasmShaderModule implements GPUShaderModule {
  declare readonly __brand: 'GPUShaderModule';
  label: string;
  /** Undefined if the source is invalid. */
  readonly shader: Shader | undefined;
  readonly source: string;
  readonly #error: WgslError | undefined;

  constructor(checked: Shader | WgslError, { code, label = '' }: GPUShaderModuleDescriptor) {
    this.label = label;
    this.source = code;
    if (checked instanceof WgslError) this.#error = checked;
    else this.shader = checked;
  }

  async getCompilationInfo(): Promise<CompilationInfo> {
    const error = this.#error;
    return new CompilationInfo(error ? [new CompilationMessage(error)] : []);
  }
}

export function createShaderModule(
  { backend, errors }: DeviceState,
  descriptor: GPUShaderModuleDescriptor,
): WasmShaderModule {
  try {
    return new WasmShaderModule(backend.checkShader(descriptor.code), descriptor);
  } catch (error) {
    if (!(error instanceof WgslError)) throw error;
    errors.invalid(`createShaderModule ${descriptor.label ?? ''}: ${error.message}`);
    return new WasmShaderModule(error, descriptor);
  }
}
