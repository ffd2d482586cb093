import React, { useEffect, useState } from 'react'
import type { QueryEditorProps } from '@grafana/data'
import { Alert, Combobox, InlineField, InlineFieldRow, Input, MultiCombobox, RadioButtonGroup, Text } from '@grafana/ui'
import type { VigieDataSource } from '../datasource'
import { choose, figures, FIRST, give, labels, open, siteNumber, wrong } from '../query'
import type { Column, NamedQuery, VigieOptions, VigieQuery } from '../types'

type Props = QueryEditorProps<VigieDataSource, VigieQuery, VigieOptions>

const LABEL = 16
const TYPES = [{ label: 'Named query', value: 'named' as const }, { label: 'Live states of sites', value: 'sites' as const }]
const FORMATS = [{ label: 'Time series', value: 'timeseries' as const }, { label: 'Table', value: 'table' as const }]
const choices = (columns: Column[]) => columns.map((c) => ({ label: c.name, value: c.name, description: c.doc }))

/** Chooses a named query and fills in what the panel does not know. */
export function QueryEditor({ datasource, query, onChange, onRunQuery }: Props) {
  const [all, setAll] = useState<NamedQuery[]>([])
  const [problem, setProblem] = useState('')
  useEffect(() => {
    let gone = false
    datasource.namedQueries().then(
      (list) => !gone && setAll(list),
      (e: unknown) => !gone && setProblem(e instanceof Error ? e.message : 'The data source does not answer: see Save & test in its settings.'),
    )
    return () => {
      gone = true
    }
  }, [datasource])
  const run = (q: VigieQuery) => {
    onChange(q)
    onRunQuery()
  }
  const live = query.queryType === 'sites'
  const named = all.find((n) => n.name === query.query)
  return (
    <>
      <InlineFieldRow>
        <InlineField label="Ask for" labelWidth={LABEL}>
          <RadioButtonGroup options={TYPES} value={live ? 'sites' : 'named'} onChange={(t) => run(t === 'sites' ? { refId: query.refId, queryType: 'sites' } : { ...FIRST, refId: query.refId, queryType: 'named' })} />
        </InlineField>
      </InlineFieldRow>
      {problem && <Alert severity="warning" title="The named queries cannot be listed">{problem}</Alert>}
      {live ? <Site query={query} run={run} /> : (
        <>
          <InlineFieldRow>
            <InlineField label="Query" labelWidth={LABEL} grow>
              <Combobox id={`vigie-query-${query.refId}`} options={all.map((n) => ({ label: n.name, value: n.name, description: n.doc }))} value={query.query ?? null} placeholder="Choose a named query"
                onChange={(o) => run(choose(query, all.find((n) => n.name === o.value) ?? { name: o.value, doc: '', params: [], columns: [], timeSeries: false }))} />
            </InlineField>
          </InlineFieldRow>
          {named && <Details named={named} query={query} onChange={onChange} onRunQuery={onRunQuery} run={run} />}
        </>
      )}
    </>
  )
}

type Part = Pick<Props, 'query'> & { run: (q: VigieQuery) => void }

function Site({ query, run }: Part) {
  const [text, setText] = useState(query.site ? String(query.site) : '')
  const invalid = text.trim() !== '' && siteNumber(text) === undefined
  return (
    <InlineFieldRow>
      <InlineField label="Site" labelWidth={LABEL} tooltip="The number of one site; empty: all sites that change." invalid={invalid} error="A number as 42 or S-42 is expected.">
        <Input id={`vigie-site-${query.refId}`} width={20} value={text} placeholder="all" onChange={(e) => setText(e.currentTarget.value)} onBlur={() => !invalid && run({ ...query, site: siteNumber(text) })} />
      </InlineField>
    </InlineFieldRow>
  )
}

function Details({ named, query, onChange, onRunQuery, run }: Part & { named: NamedQuery } & Pick<Props, 'onChange' | 'onRunQuery'>) {
  return (
    <>
      <Text element="p" variant="bodySmall" color="secondary">{named.doc}</Text>
      {open(named).map((p) => (
        <InlineFieldRow key={p.name}>
          <InlineField label={p.name} labelWidth={LABEL} tooltip={p.doc} invalid={Boolean(wrong(p, query.params?.[p.name]))} error={wrong(p, query.params?.[p.name])}>
            <Input id={`vigie-${p.name}-${query.refId}`} width={24} value={query.params?.[p.name] ?? ''} suffix={p.unit} placeholder={p.optional ? "the panel's range" : ''}
              onChange={(e) => onChange(give(query, p.name, e.currentTarget.value))} onBlur={onRunQuery} />
          </InlineField>
        </InlineFieldRow>
      ))}
      {named.timeSeries && <Series named={named} query={query} run={run} />}
    </>
  )
}

function Series({ named, query, run }: Part & { named: NamedQuery }) {
  const columns = (list: { value: string }[]) => (list.length ? list.map((o) => o.value) : undefined)
  return (
    <>
      <InlineFieldRow>
        <InlineField label="Format" labelWidth={LABEL}>
          <RadioButtonGroup options={FORMATS} value={query.format ?? 'timeseries'} onChange={(format) => run({ ...query, format })} />
        </InlineField>
      </InlineFieldRow>
      {(query.format ?? 'timeseries') === 'timeseries' && (
        <InlineFieldRow>
          <InlineField label="Figures" labelWidth={LABEL} tooltip="Columns to draw; none: all.">
            <MultiCombobox id={`vigie-value-${query.refId}`} width={40} options={choices(figures(named))} value={query.value ?? []} placeholder="all" onChange={(o) => run({ ...query, value: columns(o) })} />
          </InlineField>
          <InlineField label="Labels" labelWidth={LABEL} tooltip="Columns that tell series apart; none: all.">
            <MultiCombobox id={`vigie-label-${query.refId}`} width={40} options={choices(labels(named))} value={query.label ?? []} placeholder="all" onChange={(o) => run({ ...query, label: columns(o) })} />
          </InlineField>
        </InlineFieldRow>
      )}
    </>
  )
}
