/**
 * A multilayer perceptron learns to classify points by the spiral arm that they lie on, and draws its regions.
 *
 *     npx tsx examples/spiral.ts [--steps 300] [--out spiral.svg]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CustomSeriesOption, type EChartsOption, init } from 'echarts';
import { openDevice } from 'mathformer';
import {
  AdamW,
  argmax,
  backward,
  crossEntropy,
  Generator,
  linear,
  mul,
  noGrad,
  Parameters,
  randn,
  Tensor,
  tanh,
} from 'mathformer/tensor';

const { values: flags } = parseArgs({
  options: { steps: { type: 'string', default: '300' }, out: { type: 'string', default: 'spiral.svg' } },
});
const steps = Number(flags.steps);
const ARMS = 3;
const HIDDEN = 32;

const device = await openDevice();
const generator = new Generator(0);

/** Return `count` points (count,2) with some noise, and the arm of each (count). */
async function spiral(count: number) {
  const noise = await randn(device, [count], { generator }).data();
  const points = new Float32Array(2 * count);
  const arms = Uint32Array.from({ length: count }, (_, i) => i % ARMS);
  arms.forEach((arm, i) => {
    const radius = i / count;
    const angle = 5 * radius + (2 * Math.PI * arm) / ARMS + 0.15 * (noise[i] ?? 0);
    points.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i);
  });
  return { points, arms };
}

const shapes = {
  'layer1.weight': [HIDDEN, 2],
  'layer1.bias': [HIDDEN],
  'layer2.weight': [HIDDEN, HIDDEN],
  'layer2.bias': [HIDDEN],
  'output.weight': [ARMS, HIDDEN],
  'output.bias': [ARMS],
};
const parameters = new Parameters(device, new Map(Object.entries(shapes)));
for (const [, parameter] of parameters.entries()) {
  const [, inputs] = parameter.shape;
  if (inputs === undefined) continue; // biases start at 0
  const weight = mul(randn(device, parameter.shape, { generator }), 1 / Math.sqrt(inputs));
  parameter.set(await weight.data());
}

const layer = (x: Tensor, name: string): Tensor =>
  linear(x, parameters.get(`${name}.weight`), parameters.get(`${name}.bias`));

/** Return the logits (N,ARMS) of points (N,2). */
const model = (points: Tensor): Tensor =>
  layer(tanh(layer(tanh(layer(points, 'layer1')), 'layer2')), 'output');

/** Return the most likely arm of each point. */
async function classify(points: Float32Array<ArrayBuffer>): Promise<number[]> {
  using _ = device.scope();
  return [
    ...(await noGrad(() =>
      argmax(model(Tensor.from(device, points, [points.length / 2, 2])), { axis: 1 }),
    ).data()),
  ];
}

const training = await spiral(300);
const x = Tensor.from(device, training.points, [300, 2]);
const y = Tensor.from(device, training.arms);
const optimizer = new AdamW(parameters);
for (let step = 1; step <= steps; step++) {
  using _ = device.scope(); // frees this step's tensors at its end
  parameters.zeroGrad();
  const loss = crossEntropy(model(x), y);
  backward(loss);
  optimizer.step(1e-2);
  if (step === 1 || step % 50 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
}

const test = await spiral(1000);
const found = await classify(test.points);
const right = found.filter((arm, i) => arm === test.arms[i]).length;
console.log(`accuracy on ${found.length} new points: ${((100 * right) / found.length).toFixed(1)} %`);
writeFileSync(flags.out, await picture());
console.log(`wrote ${flags.out}`);

/** Draw the training points over the regions of the arms, as SVG. */
async function picture(): Promise<string> {
  const CELLS = 120;
  const EDGE = 1.1;
  const width = (2 * EDGE) / CELLS;
  const centre = (i: number): number => -EDGE + (i + 0.5) * width;
  const grid = Array.from({ length: CELLS ** 2 }, (_, i) => [
    centre(i % CELLS),
    centre(Math.floor(i / CELLS)),
  ]);
  const regions = await classify(Float32Array.from(grid.flat()));
  // One bar for each run of equal cells in a row: [left, right, middle, arm].
  const bars: [number, number, number, number][] = [];
  regions.forEach((arm, i) => {
    const last = bars.at(-1);
    if (last && last[3] === arm && i % CELLS > 0) last[1] += width;
    else
      bars.push([
        centre(i % CELLS) - width / 2,
        centre(i % CELLS) + width / 2,
        centre(Math.floor(i / CELLS)),
        arm,
      ]);
  });
  const colours = ['#4c78a8', '#f58518', '#54a24b'];
  const background: CustomSeriesOption = {
    type: 'custom',
    silent: true,
    data: bars,
    renderItem: (_, api) => {
      const [left = 0, top = 0] = api.coord([api.value(0), Number(api.value(2)) + width / 2]);
      const [right = 0, bottom = 0] = api.coord([api.value(1), Number(api.value(2)) - width / 2]);
      const fill = colours[Number(api.value(3))] ?? '';
      const shape = { x: left, y: top, width: right - left, height: bottom - top };
      return { type: 'rect', shape, style: { fill, opacity: 0.3 } };
    },
  };
  const axis = { type: 'value', min: -EDGE, max: EDGE, show: false } as const;
  const option: EChartsOption = {
    animation: false,
    backgroundColor: '#fff',
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: axis,
    yAxis: axis,
    series: [
      background,
      ...colours.map((color, arm) => ({
        type: 'scatter' as const,
        symbolSize: 6,
        itemStyle: { color },
        data: Array.from({ length: 300 }, (_, i) => i)
          .filter((i) => training.arms[i] === arm)
          .map((i) => [...training.points.subarray(2 * i, 2 * i + 2)]),
      })),
    ],
  };
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 600, height: 600 });
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose(); // stops its clock, which would keep the process alive
  return svg;
}
