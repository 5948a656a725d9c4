import type { UIMessage } from 'ai'

/** Every kind of part in its states, with members in an order of their own and text that databases dislike. */
export const everyPart: UIMessage = {
  parts: [
    { type: 'step-start' },
    {
      text: 'NUL \0, half \ud800, "quotes", \u2028',
      type: 'text',
      state: 'done',
      providerMetadata: { z: { b: 1, a: 2 } },
    },
    { type: 'text', text: '', state: 'streaming' },
    { type: 'reasoning', text: 'Hm.', state: 'done', providerMetadata: { anthropic: { signature: 'x' } } },
    { type: 'tool-weather', toolCallId: 'c1', state: 'input-streaming', input: { city: 'O' } },
    { type: 'tool-weather', toolCallId: 'c2', state: 'input-available', input: { city: 'Oslo', __proto__x: 1 } },
    {
      type: 'tool-weather',
      toolCallId: 'c3',
      state: 'output-available',
      input: null,
      output: [1.5, -0.25, 1e300, null],
    },
    { type: 'tool-weather', toolCallId: 'c4', state: 'output-error', input: {}, errorText: 'No.' },
    { type: 'tool-weather', toolCallId: 'c5', state: 'approval-requested', input: {}, approval: { id: 'p' } },
    {
      type: 'tool-weather',
      toolCallId: 'c6',
      state: 'output-denied',
      input: {},
      approval: { id: 'p', approved: false },
    },
    {
      type: 'dynamic-tool',
      toolName: 'any',
      toolCallId: 'd1',
      state: 'output-available',
      input: { b: 1, a: [] },
      output: '',
    },
    { type: 'file', mediaType: 'image/png', filename: 'dot.png', url: 'data:image/png;base64,iVBORw0KGgo=' },
    { type: 'source-url', sourceId: 's1', url: 'https://example.com/?q=1', title: 'Example' },
    { type: 'source-document', sourceId: 's2', mediaType: 'application/pdf', title: 'Paper', filename: 'p.pdf' },
    { type: 'data-chart', id: 'x', data: { z: [{ y: 1, x: 2 }], a: 'ä€😀' } },
  ],
  role: 'assistant',
  metadata: { z: 1, createdAt: 1_700_000_000_000, a: { nested: { deep: [] } } },
  id: 'every "part" / ü',
}
