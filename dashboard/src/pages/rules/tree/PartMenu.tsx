import { ActionIcon, Group, Menu } from '@mantine/core'
import { IconDots, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { type Draft, WRAP_KINDS } from './draft'
import { canRemove, canUnwrap, canWrap, changed, unwrapped, wrapped } from './edit'
import type { Editing } from './editing'
import { rawOf } from './read'
import { toCondition } from './write'

/** What can be done with a part as a whole. */
export function PartMenu({ part, editing }: { part: Draft; editing: Editing }) {
  const { t, i18n } = useTranslation('conditions')
  const { root, change } = editing
  const name = t(`kind.${part.kind}`)
  const asJson = () => rawOf(toCondition(part, i18n.language))
  return (
    <Group gap={4} wrap="nowrap">
      <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <ActionIcon variant="default" aria-label={t('more', { what: name })}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {WRAP_KINDS.filter((kind) => canWrap(root, part.key, kind)).map((kind) => (
            <Menu.Item key={kind} onClick={() => change(wrapped(root, part.key, kind))}>
              {t(`wrap.${kind}`)}
            </Menu.Item>
          ))}
          {canUnwrap(root, part.key) && (
            <Menu.Item onClick={() => change(unwrapped(root, part.key))}>{t('unwrap')}</Menu.Item>
          )}
          {part.kind !== 'json' && (
            <Menu.Item onClick={() => change(changed(root, part.key, asJson))}>
              {t('asJson')}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {canRemove(root, part.key) && (
        <ActionIcon
          variant="default"
          aria-label={t('remove', { what: name })}
          onClick={() => editing.remove(part.key)}
        >
          <IconX size={16} />
        </ActionIcon>
      )}
    </Group>
  )
}
