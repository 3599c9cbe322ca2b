// What a first-time user writes: plain JavaScript, the package's name, nothing else.
import { openDevice } from 'mathformer';
import { AdamW, backward, linear, mean, Parameters, square, sub, Tensor } from 'mathformer/tensor';

const device = await openDevice();
const parameters = new Parameters(device, new Map([['weight', [1, 4]]]));
const optimizer = new AdamW(parameters);
const x = Tensor.from(device, [1, 2, 3, 4, 0, 1, 0, 1], [2, 4]);
const y = Tensor.from(device, [10, 2], [2, 1]);
const losses = [];
for (let step = 0; step < 100; step++) {
  parameters.zeroGrad();
  const loss = mean(square(sub(linear(x, parameters.get('weight')), y)));
  backward(loss);
  optimizer.step(1e-2);
  if (step % 20 === 0) losses.push(await loss.item());
}
console.log(JSON.stringify(losses));
