/** The part of WebAssembly's JavaScript interface that is used. Node's types lack it, and those of the DOM would bring the rest. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
    private readonly brand: 'module';
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  interface MemoryDescriptor {
    readonly initial: number;
    readonly maximum?: number;
    readonly shared?: boolean;
  }

  /** Sizes are in pages of 64 KiB. */
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBufferLike;
    /** Grow by some pages, and return the former size. @throws RangeError if that is more than the engine gives. */
    grow(pages: number): number;
    private readonly brand: 'memory';
  }

  /** Imports by module and name: memories and functions. */
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}
