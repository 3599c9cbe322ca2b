/** WebGPU's constants, by their global names. Node has no such globals, nor have browsers without WebGPU. */

export const BufferUsage = {
  MAP_READ: 0x001,
  MAP_WRITE: 0x002,
  COPY_SRC: 0x004,
  COPY_DST: 0x008,
  INDEX: 0x010,
  VERTEX: 0x020,
  UNIFORM: 0x040,
  STORAGE: 0x080,
  INDIRECT: 0x100,
  QUERY_RESOLVE: 0x200,
} as const;

export const MapMode = { READ: 1, WRITE: 2 } as const;

export const ShaderStage = { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 } as const;

/** Define the constants on `globalThis` where they are missing. */
export function defineConstants(): void {
  const constants = { GPUBufferUsage: BufferUsage, GPUMapMode: MapMode, GPUShaderStage: ShaderStage };
  for (const [name, value] of Object.entries(constants)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
}
