import { Button, Menu } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { childrenOf, type Group, LEAF_KINDS } from './draft'
import { added, found } from './edit'
import type { Editing } from './editing'

const KINDS = [...LEAF_KINDS, 'all', 'any'] as const
/** What a group can have in it. */
const OFFERED = KINDS.filter((kind) => kind !== 'anomaly')

/** One more condition in a group. */
export function AddPart({ group, editing }: { group: Group; editing: Editing }) {
  const { t } = useTranslation('conditions')
  const add = (kind: (typeof KINDS)[number]) => {
    const next = added(editing.root, group.key, kind)
    const around = found(next, group.key)
    editing.setFresh(around && childrenOf(around).at(-1)?.key)
    editing.change(next)
  }
  return (
    <Menu position="bottom-start" returnFocus={false}>
      <Menu.Target>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          style={{ alignSelf: 'flex-start' }}
        >
          {t('add')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {OFFERED.map((kind) => (
          <Menu.Item key={kind} onClick={() => add(kind)}>
            {t(`kind.${kind}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
