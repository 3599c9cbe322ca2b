// Reads vitest's JSON reports. `node results.mjs unfinished REPORT` prints the test files whose process died before
// their tests had ended; `node results.mjs count REPORT AGAIN…` prints "PASSED FAILED" over reports, a file
// that was run again being counted where it was run last; `node results.mjs failed REPORT…` prints what failed, and why.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const filesOf = (report) => JSON.parse(readFileSync(report, 'utf8')).testResults;
const ended = ({ assertionResults }) => assertionResults.every(({ status }) => status !== 'pending');

const [command, ...reports] = process.argv.slice(2);
if (command === 'unfinished') {
  for (const file of filesOf(reports[0])) if (!ended(file)) console.log(file.name);
} else if (command === 'failed') {
  for (const file of reports.filter(existsSync).flatMap(filesOf)) {
    const name = relative('.', file.name);
    if (file.message) console.log(`${name}: ${file.message}`);
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      if (status === 'failed') console.log(`${name}: ${fullName}\n${failureMessages.join('\n')}\n`);
    }
  }
} else {
  // A report names a file once for each project that runs it: all count. A later report's replace the earlier ones'.
  let files = [];
  for (const report of reports.filter(existsSync)) {
    const later = filesOf(report);
    const again = new Set(later.map(({ name }) => name));
    files = [...files.filter(({ name }) => !again.has(name)), ...later];
  }
  const count = (file, status) => file.assertionResults.filter((test) => test.status === status).length;
  let [passed, failed] = [0, 0];
  for (const file of files) {
    passed += count(file, 'passed');
    // A file that does not load, or whose process died, has fewer tests to count than it should: one failed test.
    const broken = !ended(file) || (file.status === 'failed' && file.assertionResults.length === 0);
    failed += count(file, 'failed') + (broken ? 1 : 0);
  }
  console.log(`${passed} ${failed}`);
}
