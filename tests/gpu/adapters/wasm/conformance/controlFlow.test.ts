/** Statements and evaluation order (WGSL sections 8.1 and 9.4), barriers and atomics (17.8 and 17.11). */
import { runs } from './program.ts';

runs('loops', [
  {
    title: 'continue goes to the continuing part, break does not',
    body: `
  var i = 0u;
  loop {
    if (i == 2) { i += 10; continue; }
    if (i > 13) { break; }
    y[0] += i;
    continuing { i++; y[1]++; }
  }
  y[2] = i;`,
    // i is 0, 1, 2 → 12 → 13, 14.
    y: [14, 4, 14],
  },
  {
    title: 'break if ends the loop after the continuing part, which sees variables of the body',
    body: `
  var i = 0u;
  loop {
    let twice = i * 2;
    y[0] += 1;
    continuing { i += 1; y[1] += twice; break if twice >= 6; }
  }
  y[2] = i;`,
    y: [4, 12, 4],
  },
  {
    title: 'for evaluates its condition before each turn, and its update after continue',
    body: `
  for (var i = 0u; i < 6; i += 2) { if (i == 2) { continue; } y[0] += 10 + i; }
  for (var i = 9u; i < 6; i++) { y[1] = 1; }
  var k = 3u;
  for (; k > 0; ) { k--; y[2]++; }
  for (var j = 0u; ; j++) { if (j == 4) { y[3] = j; break; } }`,
    y: [24, 0, 3, 4],
  },
  {
    title: 'while may not run at all; loops nest, and break leaves one of them',
    body: `
  while (y[0] > 0) { y[1] = 1; }
  var n = 0u;
  while (n < 3) {
    for (var m = 0u; m < 10; m++) { if (m == n) { break; } y[2] += 1; }
    n++;
  }
  y[3] = n;`,
    y: [0, 0, 3, 3],
  },
  {
    title: 'return leaves all loops',
    declarations: `
fn find(limit: u32) -> u32 {
  for (var i = 1u; ; i++) {
    loop {
      if (i * i > limit) { return i; }
      break;
    }
  }
}`,
    body: 'y[0] = find(10); y[1] = find(0); y[2] = find(99);',
    y: [4, 1, 10],
  },
]);

runs('choices', [
  {
    title: 'else if is tried in order',
    x: [0, 1, 2, 3],
    body: `
  for (var i = 0u; i < 4; i++) {
    if (x[i] == 0) { y[i] = 10; } else if (x[i] < 2) { y[i] = 20; } else if (x[i] < 3) { y[i] = 30; } else { y[i] = 40; }
  }`,
    y: [10, 20, 30, 40],
  },
  {
    title: 'switch takes one clause; break leaves it, continue the loop around it',
    x: [0, 1, 2, 3, 4, 0xffff_ffff],
    body: `
  for (var i = 0u; i < 6; i++) {
    switch (x[i]) {
      case 0: { y[i] = 1; }
      case 1, 3: { if (x[i] == 3) { break; } y[i] = 2; }
      default: { y[i] = 3; }
      case 4: { continue; }
    }
    y[i] += 100;
  }`,
    y: [101, 102, 103, 100, 0, 103],
  },
  {
    title: 'switch compares i32, negative values too; default may stand among values',
    x: [-1, 7, -2_147_483_648, 5],
    body: `
  for (var i = 0u; i < 4; i++) {
    switch (bitcast<i32>(x[i])) {
      case -1: { y[i] = 1; }
      case 7, default: { y[i] = 2; }
      case -2147483648: { y[i] = 3; }
    }
  }`,
    y: [1, 2, 3, 2],
  },
  {
    title: 'a switch that always returns ends its function',
    declarations: `
fn name(n: u32) -> u32 { switch (n) { case 1: { return 10; } case 2: { return 20; } default: { return 0; } } }`,
    x: [2],
    body: 'y[0] = name(x[0]) + name(x[0] - 1) + name(9);',
    y: [30],
  },
]);

runs('evaluation', [
  {
    title: '&& and || evaluate the right operand only if it decides',
    declarations: `
var<private> log = 0u;
fn says(value: bool, digit: u32) -> bool { log = log * 10 + digit; return value; }`,
    x: [0, 1],
    body: `
  let no = x[0] == 1;
  let yes = x[1] == 1;
  y[0] = u32(says(no, 1) && says(yes, 2)); y[1] = log; log = 0;
  y[2] = u32(says(yes, 1) || says(no, 2)); y[3] = log; log = 0;
  y[4] = u32((says(yes, 1) && says(no, 2)) || says(yes, 3)); y[5] = log; log = 0;
  y[6] = u32(says(no, 1) | says(yes, 2)); y[7] = log;`,
    y: [0, 1, 1, 1, 1, 123, 1, 12],
  },
  {
    title: 'the right operand of && and || may be a call that branches',
    declarations: `
fn pick(i: u32) -> u32 {
  switch i { case 0u, default { return 1; } }
  return 0;
}`,
    body: `
  var turns = 2u;
  while (turns > x[0] && pick(x[0]) == 0) { turns--; y[0]++; }
  y[1] = turns;
  y[2] = u32(x[0] > 0 || pick(x[0]) == 1);`,
    y: [0, 2, 1],
  },
  {
    title: 'a guard before && keeps what follows from running',
    x: [3, 10, 20, 30],
    body: `
  for (var i = 0u; i < 5; i++) { if (i < x[0] && x[i + 1] > 15) { y[i] = x[i + 1]; } }`,
    y: [0, 20, 30, 0, 0],
  },
  {
    title: 'operands and arguments are evaluated from left to right',
    declarations: `
var<private> n = 0u;
fn next() -> u32 { n++; return n; }
fn three(a: u32, b: u32, c: u32) -> u32 { return a * 100 + b * 10 + c; }`,
    body: `
  y[0] = next() * 10 + next();
  y[1] = three(next(), next(), next());
  let v = vec2u(next(), next());
  y[2] = v.x * 10 + v.y;
  y[3] = select(next(), next(), next() == 10);`,
    // The last select takes the values 8 and 9, and its condition sees 10.
    y: [12, 345, 67, 9],
  },
  {
    title: 'precedence: unary, product, sum, shift, relation, and, or',
    x: [2, 3, 4],
    body: `
  let a = x[0]; let b = x[1]; let c = x[2];
  y[0] = a + b * c - c / a;
  y[1] = (a << 1u) + (b & c) + (a | c) + (a ^ b);
  y[2] = u32((a + b > c && b < c) || false);
  y[3] = u32(-i32(a) * -i32(b) == 6);
  y[4] = ~a & 0xfu;
  y[5] = u32(!(a == b) != (b == c));`,
    y: [12, 11, 1, 1, 13, 1],
  },
]);

runs('invocations', [
  {
    title: 'a barrier lets all invocations see what the others wrote',
    declarations: 'var<workgroup> shared_: array<u32, 8>;',
    size: 8,
    workgroups: 2,
    body: `
  shared_[local] = local * local;
  workgroupBarrier();
  var sum = 0u;
  for (var i = 0u; i < 8; i++) { sum += shared_[(local + i) % 8] * (i + 1); }
  workgroupBarrier();
  shared_[7 - local] = sum;
  workgroupBarrier();
  y[id.x] = shared_[local] + group.x;`,
    // The weighted sum of squares that starts at s: Σ ((s + i) % 8)²·(i + 1).
    y: [0, 1].flatMap((group) =>
      [7, 6, 5, 4, 3, 2, 1, 0].map(
        (s) => [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, i) => sum + ((s + i) % 8) ** 2 * (i + 1), 0) + group,
      ),
    ),
  },
  {
    title: 'a barrier in a uniform loop: each round halves',
    declarations: 'var<workgroup> part: array<u32, 16>;',
    size: 16,
    body: `
  part[local] = local + 1;
  workgroupBarrier();
  for (var half = 8u; half > 0; half /= 2) {
    if (local < half) { part[local] += part[local + half]; }
    workgroupBarrier();
  }
  if (local == 0) { y[0] = part[0]; }`,
    y: [136],
  },
  {
    title: 'a function with a barrier may be called again, with arguments of another kind',
    size: 2,
    declarations: `
fn add(local: u32, amount: u32) { workgroupBarrier(); y[local] += amount; }`,
    body: `
  add(local, x[local]);
  add(local, 1000);
  add(local, x[1 - local]);`,
    x: [5, 7],
    y: [1012, 1012],
  },
  {
    title: 'what an invocation holds lives across a barrier',
    declarations: 'var<workgroup> w: array<u32, 4>;',
    size: 4,
    body: `
  var mine = array<u32, 3>(local, local * 2, local * 3);
  let v = vec2u(local + 1, local + 2);
  w[local] = 1;
  workgroupBarrier();
  mine[1] += w[3 - local];
  y[local] = mine[0] + mine[1] * 10 + mine[2] * 100 + v.x * v.y * 1000;`,
    y: [2010, 6331, 12_652, 20_973],
  },
  {
    title: 'atomics return the former value and wrap',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;`,
    body: `
  atomicStore(&y[0], 5);
  let a = atomicAdd(&y[0], 0xffffffffu);
  let b = atomicSub(&y[0], 5);
  let c = atomicExchange(&y[1], 77);
  let d = atomicMax(&y[1], 100);
  let e = atomicMin(&y[1], 90);
  let f = atomicOr(&y[2], 12);
  let g = atomicAnd(&y[2], 10);
  let h = atomicXor(&y[2], 0xff);
  atomicStore(&y[3], a * 10 + b);
  atomicStore(&y[4], c + d * 1000 + e);
  atomicStore(&y[5], f + g * 100 + h);
  atomicStore(&y[6], atomicLoad(&y[2]));`,
    y: [0xffff_ffff, 90, 0xf7, 54, 77_100, 1208, 0xf7],
  },
  {
    title: 'atomicMax and atomicMin of i32 compare signed numbers',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<i32>>;`,
    body: `
  atomicMin(&y[0], -5);
  atomicMax(&y[1], -5);
  atomicMax(&y[2], 5);
  atomicMax(&y[2], -2147483648);`,
    y: [-5, 0, 5],
  },
  {
    title: 'atomics of the workgroup and of memory count all invocations',
    declarations: 'var<workgroup> count: atomic<u32>;',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;`,
    size: 32,
    workgroups: 4,
    body: `
  if (local == 0) { atomicStore(&count, 0); }
  workgroupBarrier();
  atomicAdd(&count, local);
  workgroupBarrier();
  if (local == 0) { atomicStore(&y[group.x], atomicLoad(&count)); }
  atomicAdd(&y[4], 1);`,
    y: [496, 496, 496, 496, 128],
  },
]);
