/** Information on the system's Vulkan: installed drivers, and Dawn's messages about refused ones. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dlopenFailure, readComplaints, vulkanManifests } from '../../../src/gpu/adapters/vulkan.ts';

describe('readComplaints', () => {
  it('keeps what Dawn refuses, once, without stack lines and notes on limits', () => {
    const stderr = [
      'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit.',
      'Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.',
      ' - While initializing adapter (backend=BackendType::Vulkan)',
      '    at InitializeImpl (/third_party/dawn/src/dawn/native/vulkan/PhysicalDeviceVk.cpp:257)',
      '',
      'Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.',
      '(node:7) ExperimentalWarning: something of Node',
    ].join('\n');
    expect(readComplaints(stderr)).toEqual(['Vulkan shaderUniform*ArrayDynamicIndexing required.']);
  });
});

describe('dlopenFailure', () => {
  it.runIf(process.platform === 'linux')('says why a library does not open', () => {
    expect(dlopenFailure('libc.so.6')).toBeUndefined();
    expect(dlopenFailure('libnosuch.so.9')).toMatch(/libnosuch\.so\.9: cannot open/);
  });
});

describe('vulkanManifests', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'mathformer-test-'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('follows the variables of the loader, and searches the data directories without them', () => {
    const icd = join(root, 'vulkan/icd.d');
    mkdirSync(icd, { recursive: true });
    writeFileSync(join(icd, 'some_icd.json'), '{}');
    writeFileSync(join(icd, 'README'), '');
    expect(vulkanManifests({ VK_ICD_FILENAMES: '/a.json:/b.json' })).toEqual(['/a.json', '/b.json']);
    const found = vulkanManifests({ HOME: '/nowhere', XDG_DATA_DIRS: root });
    expect(found.filter((path) => path.startsWith(root))).toEqual([join(icd, 'some_icd.json')]);
  });
});
