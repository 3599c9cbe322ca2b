/** The files of a run, each to save. */
import type { ListedFile } from 'mathformer/training';
import { useState } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { IconButton } from '../../ui/Button.tsx';
import type { Column, Sort } from '../../ui/columns.ts';
import { Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { formatBytes } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { saveFile } from '../../ui/saveFile.ts';
import { Table } from '../../ui/Table.tsx';
import { visibleText } from '../../ui/visibleText.ts';

const times = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });

export function FileTable({ run }: { readonly run: RunData }) {
  const files = run.files.value;
  const [sort, setSort] = useState<Sort>({ key: 'name', descending: false });
  const [failure, setFailure] = useState<unknown>();
  if (files.state === 'loading') return <Loading label="Reading the list of files" />;
  if (files.state === 'failed') return <FailureNotice error={files.error} />;
  const save = async ({ name }: ListedFile): Promise<void> => {
    try {
      const bytes = await run.bytes(name);
      if (!bytes) throw new Error(`${name} is no longer there`);
      setFailure(undefined);
      saveFile(new Blob([new Uint8Array(bytes)]), name.replaceAll('/', '-'));
    } catch (error) {
      setFailure(error);
    }
  };
  const total = files.value.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <Panel title="Files" note={`${files.value.length} files, ${formatBytes(total)}`} flush>
      {failure !== undefined && <FailureNotice error={failure} />}
      <div class="file-list">
        <Table
          label="Files of the run"
          columns={columnsOf(save)}
          rows={files.value}
          rowKey={({ name }) => name}
          sort={sort}
          onSort={setSort}
        />
      </div>
    </Panel>
  );
}

const columnsOf = (save: (file: ListedFile) => void): readonly Column<ListedFile>[] => [
  {
    key: 'name',
    header: 'Name',
    rowHeader: true,
    cell: ({ name }) => <code>{visibleText(name)}</code>,
    sortValue: ({ name }) => name,
  },
  {
    key: 'bytes',
    header: 'Size',
    numeric: true,
    cell: ({ bytes }) => formatBytes(bytes),
    sortValue: ({ bytes }) => bytes,
  },
  {
    key: 'modified',
    header: 'Changed',
    cell: ({ modified }) => (modified > 0 ? times.format(new Date(modified)) : '–'),
    sortValue: ({ modified }) => modified,
  },
  {
    key: 'save',
    header: <span class="visually-hidden">Save</span>,
    cell: (file) => (
      <IconButton small icon="download" label={`Save ${file.name}`} onClick={() => save(file)} />
    ),
  },
];
