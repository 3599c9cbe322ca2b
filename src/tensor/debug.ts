/** Debug mode of a device: finds the ops that made a NaN or an infinity of finite inputs. */
import { GpuError } from '../base/errors.ts';
import { checkFinite as launchCheck, startCheck } from '../kernels/checkFinite.ts';
import { showShape, type Tensor } from './tensor.ts';

/** Ops that put infinities somewhere only because they were told to. */
const DELIBERATE = new Set(['maskedFill', 'where', 'full', 'pad']);

/** In debug mode, checks the results of an op: reads of what depends on them throw an error that names it. */
export function checkFinite(name: string, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
  const device = outputs[0]?.device;
  if (!device?.debug || DELIBERATE.has(name)) return;
  const show = (tensors: readonly Tensor[]) => tensors.map(({ shape }) => showShape(shape)).join(', ');
  const { stack } = new Error('called here');
  const shapes = `inputs ${show(inputs) || 'none'}, result ${show(outputs)}`;
  const describe = () =>
    new GpuError(
      `${name} made a NaN or an infinity: ${shapes}`,
      { code: 'NOT_FINITE', where: name, fix: 'look at its inputs; the cause says where it was called' },
      { cause: stack },
    );
  const float = ({ dtype }: Tensor): boolean => dtype === 'f32';
  const given = inputs.filter(float);
  outputs.filter(float).forEach(({ view, size }, i) => {
    // A loop must not fill the list with what is the same.
    const key = JSON.stringify([name, shapes, i, stack]);
    device.checked({ key, describe }, view, 'value', (faults, place) => {
      startCheck(device, faults, place);
      for (const input of given) launchCheck(device, 'input', input.view, input.size, faults, place);
      launchCheck(device, 'output', view, size, faults, place);
    });
  });
}
