/** Debug mode of a device: find the ops that make a NaN or an infinity from finite inputs. */
import { GpuError } from '../base/errors.ts';
import { checkFinite as launchCheck, startCheck } from '../kernels/checkFinite.ts';
import { showShape, type Tensor } from './tensor.ts';

/** Ops that may write infinities on request, which is no error. */
const DELIBERATE = new Set(['maskedFill', 'where', 'full', 'pad']);

/** In debug mode, check the results of an op. If they are not finite, reads of dependent tensors throw an error naming it. */
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
    // Equal entries are kept once, so that a loop does not fill the list.
    const key = JSON.stringify([name, shapes, i, stack]);
    device.checked({ key, describe }, view, 'value', (faults, place) => {
      startCheck(device, faults, place);
      for (const input of given) launchCheck(device, 'input', input.view, input.size, faults, place);
      launchCheck(device, 'output', view, size, faults, place);
    });
  });
}
