/** The machine of experiments: that of the command line, without words. */
import { openMachine as openMachineOf } from '../src/cli/commandMachine.ts';
import { Reporter } from '../src/cli/reporter.ts';
import type { MachineNeed } from '../src/training/machine.ts';

/** Open the best adapter, with the kernels that are the fastest for the model. @throws AdapterError */
export function openMachine({ model, kernels: earlierKernels }: MachineNeed) {
  const reporter = new Reporter({ json: false, quiet: true });
  return openMachineOf({ tune: 'auto', matmulPrecision: 'highest', earlierKernels }, reporter, [model]);
}
