import { Button, NativeSelect, Stack } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Severity } from '../../../api/types'
import { fieldAt } from './check'
import { type LevelEntry, type Levels, LEVELS_MAX, RULE_SEVERITIES } from './draft'
import { changed, levelAdded } from './edit'
import type { Editing } from './editing'
import { PartEditor } from './PartEditor'

/** Several severities in one rule, the mildest first. */
export function LevelsPart({ part, editing }: { part: Levels; editing: Editing }) {
  const { t } = useTranslation('conditions')
  const { t: common } = useTranslation()
  const setSeverity = (level: LevelEntry, severity: Severity) =>
    editing.change(
      changed(editing.root, part.key, (before) => {
        if (before.kind !== 'levels') return before
        const levels = before.levels.map((each) =>
          each.key === level.key ? { ...each, severity } : each,
        )
        return { ...before, levels }
      }),
    )
  return (
    <Stack gap="xs">
      {part.levels.map((level, place) => (
        <Stack key={level.key} gap="xs">
          <NativeSelect
            label={t('level', { number: place + 1 })}
            value={level.severity}
            error={editing.errors[fieldAt(level.key, 'severity')]}
            onChange={(event) => setSeverity(level, event.currentTarget.value as Severity)}
            data={RULE_SEVERITIES.map((value) => ({ value, label: common(`severity.${value}`) }))}
            maw={280}
          />
          <PartEditor part={level.condition} editing={editing} />
        </Stack>
      ))}
      {part.levels.length < LEVELS_MAX && (
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          style={{ alignSelf: 'flex-start' }}
          onClick={() => editing.change(levelAdded(editing.root, part.key))}
        >
          {t('addLevel')}
        </Button>
      )}
    </Stack>
  )
}
