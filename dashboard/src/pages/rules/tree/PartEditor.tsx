import { Group, NativeSelect, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { NumberField } from '../../../components/NumberField'
import { AddPart } from './AddPart'
import { fieldAt, NUMBERS } from './check'
import {
  type Draft,
  type Group as GroupPart,
  isLeaf,
  type Leaf,
  LEAF_KINDS,
  type LeafKind,
  type While,
} from './draft'
import { changed } from './edit'
import type { Editing, SetFields } from './editing'
import { JsonPart } from './JsonPart'
import { LeafForm } from './LeafForm'
import { LevelsPart } from './LevelsPart'
import { PartMenu } from './PartMenu'
import classes from './tree.module.css'

export interface PartProps<T extends Draft = Draft> {
  part: T
  editing: Editing
}

/** One part of a condition with all that is in it. */
export function PartEditor({ part, editing }: PartProps) {
  const { t } = useTranslation('conditions')
  const error = editing.errors[fieldAt(part.key, '')]
  return (
    <div className={classes.part} role="group" aria-label={t(`kind.${part.kind}`)}>
      <Group justify="space-between" align="flex-end" wrap="nowrap" gap="xs" mb="xs">
        <KindSelect part={part} editing={editing} />
        <PartMenu part={part} editing={editing} />
      </Group>
      {error && (
        <Text size="sm" c="red" role="alert" mb="xs">
          {error}
        </Text>
      )}
      <Inside part={part} editing={editing} />
    </div>
  )
}

function Inside({ part, editing }: PartProps) {
  switch (part.kind) {
    case 'all':
    case 'any':
      return <GroupInside part={part} editing={editing} />
    case 'while':
      return <WhileInside part={part} editing={editing} />
    case 'levels':
      return <LevelsPart part={part} editing={editing} />
    case 'json':
      return <JsonPart part={part} editing={editing} />
    default:
      return <LeafInside part={part} editing={editing} />
  }
}

/** What is watched; of a group, whether all of it or any. */
function KindSelect({ part, editing }: PartProps) {
  const { t } = useTranslation('conditions')
  const isOutermost = editing.root.key === part.key
  const isGroup = part.kind === 'all' || part.kind === 'any'
  if (!isGroup && !isLeaf(part)) {
    return (
      <Text size="sm" fw={550}>
        {t(`kind.${part.kind}`)}
      </Text>
    )
  }
  const { root } = editing
  const canLearn = isOutermost || (root.kind === 'while' && root.inner.key === part.key)
  const leaves = LEAF_KINDS.filter((kind) => kind !== 'anomaly' || canLearn)
  const kinds: readonly (LeafKind | GroupPart['kind'])[] = isGroup ? ['all', 'any'] : leaves
  const choose = (kind: string) =>
    editing.change(
      changed(editing.root, part.key, (before) => {
        if (before.kind === 'all' || before.kind === 'any') {
          return { ...before, kind: kind as GroupPart['kind'] }
        }
        return isLeaf(before) ? { ...before, kind: kind as LeafKind } : before
      }),
    )
  return (
    <NativeSelect
      label={t(isGroup ? 'groupKind' : 'leafKind')}
      value={part.kind}
      onChange={(event) => choose(event.currentTarget.value)}
      data={kinds.map((value) => ({ value, label: t(`kind.${value}`) }))}
      autoFocus={editing.fresh === part.key}
      flex={1}
      maw={420}
    />
  )
}

function LeafInside({ part, editing }: PartProps<Leaf>) {
  const set: SetFields = (fields) =>
    editing.change(
      changed(editing.root, part.key, (leaf) => (isLeaf(leaf) ? { ...leaf, ...fields } : leaf)),
    )
  return <LeafForm leaf={part} errors={editing.errors} signals={editing.signals} set={set} />
}

function GroupInside({ part, editing }: PartProps<GroupPart>) {
  const { t } = useTranslation('conditions')
  const hold = (field: 'hold_s' | 'clear_hold_s') => (
    <NumberField
      label={t(`field.${field}`)}
      unit="s"
      value={part[field]}
      rules={NUMBERS[field]}
      error={editing.errors[fieldAt(part.key, field)]}
      onChange={(value) =>
        editing.change(changed(editing.root, part.key, (group) => ({ ...group, [field]: value })))
      }
    />
  )
  return (
    <Stack gap="xs">
      {part.children.map((child) => (
        <PartEditor key={child.key} part={child} editing={editing} />
      ))}
      <AddPart group={part} editing={editing} />
      <Group grow align="flex-start" gap="xs">
        {hold('hold_s')}
        {hold('clear_hold_s')}
      </Group>
    </Stack>
  )
}

function WhileInside({ part, editing }: PartProps<While>) {
  const { t } = useTranslation('conditions')
  return (
    <Stack gap="xs">
      <Text size="sm">{t('gate')}</Text>
      <PartEditor part={part.gate} editing={editing} />
      <Text size="sm">{t('inner')}</Text>
      <PartEditor part={part.inner} editing={editing} />
    </Stack>
  )
}
