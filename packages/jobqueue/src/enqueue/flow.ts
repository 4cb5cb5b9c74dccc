/** Flows: trees of jobs in which a parent waits for its children. Enqueued in one statement, all or none. */

import { QueueError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { type Names, onlyKnown, refused } from '../core/options.ts';
import { addFlowStatement } from '../postgres/statements/flows.ts';
import { type AddJobOptions, type EnqueueStatement, encodeJob, statementOf } from './enqueue.ts';

/** A job and those that it waits for. */
export interface FlowInput {
  readonly type: string;
  readonly payload: unknown;
  /**
   * A parent's due time applies once its children are done. Only the first job may have an idempotency key, which covers the
   * whole flow.
   */
  readonly options?: AddJobOptions;
  /** It runs once all of these have completed, at once or when it is due. */
  readonly children?: readonly FlowInput[];
  /**
   * The fate of a parent whose child was cancelled or is a dead letter. 'wait' (default): it waits until the child was replayed
   * and has completed. 'run': it runs when all have ended in any way; its handler reads `children()`.
   */
  readonly whenChildFails?: 'wait' | 'run';
}

const NAMES: Names<FlowInput> = { type: true, payload: true, options: true, children: true, whenChildFails: true };

/** The ids of a flow's jobs, in the shape in which they were given. */
export interface FlowIds {
  readonly id: string;
  readonly children: readonly FlowIds[];
}

interface Node {
  readonly input: FlowInput;
  readonly at: string;
  /** Its place among all nodes; null of the first. */
  readonly parent: number | null;
}

/**
 * Checks the whole tree and builds the one statement that inserts it. Throws QueueError with the path of each problem, as
 * `children[1].payload.n`: what addJob throws, `batch_too_large` beyond 1,000 jobs, `option_invalid` for a flow without children.
 */
export function flowStatement(
  jobs: ReadonlyMap<string, Job>,
  root: FlowInput,
  traceparent: string | null = null,
): EnqueueStatement {
  const nodes = inOrder(root);
  if (nodes.length === 1) throw refused('children', 'at least one job to wait for: without any this is addJob', 'none');
  return statementOf(
    nodes.map((node) => encodeNode(jobs, node, traceparent)),
    addFlowStatement,
  );
}

/** The ids that the statement answered, as a tree. */
export function flowIds(root: FlowInput, ids: readonly string[]): FlowIds {
  const trees = ids.map((id) => ({ id, children: [] as FlowIds[] }));
  for (const [n, { parent }] of inOrder(root).entries())
    if (parent !== null) trees[parent]?.children.push(trees[n] as FlowIds);
  return trees[0] as FlowIds;
}

/** Each parent before its children; never deeper than the tree's bound, because an object can be its own child. */
function inOrder(root: FlowInput): readonly Node[] {
  const nodes: Node[] = [{ input: root, at: '', parent: null }];
  for (let n = 0; n < nodes.length; n++) {
    const { input, at } = nodes[n] as Node;
    for (const [k, child] of (input.children ?? []).entries()) {
      if (nodes.length === LIMITS.flowJobs)
        throw new QueueError('batch_too_large', `expected at most ${LIMITS.flowJobs} jobs in a flow, got more`);
      nodes.push({ input: child, at: `${at}children[${k}].`, parent: n });
    }
  }
  return nodes;
}

function encodeNode(jobs: ReadonlyMap<string, Job>, { input, at, parent }: Node, traceparent: string | null): string {
  onlyKnown(input, NAMES, { at });
  const { options = {}, whenChildFails = 'wait' } = input;
  if (whenChildFails !== 'wait' && whenChildFails !== 'run')
    throw refused(`${at}whenChildFails`, "'wait' or 'run'", whenChildFails);
  if (parent !== null && options.idempotencyKey !== undefined)
    throw refused(
      `${at}options.idempotencyKey`,
      'none: the key of the first job is the whole flow’s',
      options.idempotencyKey,
    );
  const meta = { ...(traceparent !== null && { traceparent }), ...(whenChildFails === 'run' && { whenChildFails }) };
  const json = encodeJob(jobs, input, at, Object.keys(meta).length > 0 ? meta : null);
  return parent === null ? json : `{"parent":${parent},${json.slice(1)}`;
}
