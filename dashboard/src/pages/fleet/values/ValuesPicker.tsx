import { Button, Popover, TagsInput, Text } from '@mantine/core'
import { IconColumns3 } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSignalNames } from '../../../api/latest'
import type { Machine } from '../../../api/types'
import { useTroubleText } from '../../../components/trouble'
import { comparer } from '../view'
import { CHOSEN_MAX, chosenOf, type NameProblem, problemOf } from './chosen'
import { machinesToAsk } from './offered'

const OFFERED_MAX = 200
const NAME_MAX_CHARS = 256

interface ValuesPickerProps {
  /** Those that are listed; some of them say which signals there are. */
  machines: readonly Machine[]
  chosen: readonly string[]
  onChoose: (signals: string[]) => void
}

/** Which signals' newest values are columns of the list. */
export function ValuesPicker({ machines, chosen, onChoose }: ValuesPickerProps) {
  const { t } = useTranslation('fleet')
  const [opened, setOpened] = useState(false)
  const [asked, setAsked] = useState<string[]>([])
  const toggle = () => {
    if (!opened) setAsked(machinesToAsk(machines))
    setOpened(!opened)
  }
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      trapFocus
      returnFocus
      position="bottom-end"
      width={340}
    >
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconColumns3 size={14} aria-hidden />}
          onClick={toggle}
        >
          {t('values.choose', { count: chosen.length })}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <SignalsInput machines={asked} chosen={chosen} onChoose={onChoose} />
      </Popover.Dropdown>
    </Popover>
  )
}

interface SignalsInputProps extends Omit<ValuesPickerProps, 'machines'> {
  machines: readonly string[]
}

function SignalsInput({ machines, chosen, onChoose }: SignalsInputProps) {
  const { t, i18n } = useTranslation('fleet')
  const names = useSignalNames(machines, { enabled: true })
  const [suggests, setSuggests] = useState(false)
  const [wrong, setWrong] = useState<{ name: string; problem: NameProblem }>()
  const offered = useMemo(
    () => [...(names.data?.names ?? [])].sort(comparer(i18n.language)),
    [names.data, i18n.language],
  )
  const choose = (next: string[]) => {
    const name = next.find((each) => problemOf(each) !== undefined)
    const problem = name === undefined ? undefined : problemOf(name)
    setWrong(name !== undefined && problem ? { name: name.slice(0, 40), problem } : undefined)
    if (!problem) onChoose(chosenOf(next))
  }
  return (
    <>
      <TagsInput
        label={t('values.title')}
        description={t('values.hint', { count: CHOSEN_MAX })}
        data={offered}
        value={[...chosen]}
        onChange={choose}
        error={wrong && t(`values.wrong.${wrong.problem}`, { name: wrong.name })}
        // By itself it opens only when it is entered.
        dropdownOpened={suggests}
        onDropdownOpen={() => setSuggests(true)}
        onDropdownClose={() => setSuggests(false)}
        onSearchChange={(typed) => {
          if (typed) setSuggests(true)
        }}
        maxTags={CHOSEN_MAX}
        maxLength={NAME_MAX_CHARS}
        limit={OFFERED_MAX}
        // Commas are part of names, and so are capitals.
        splitChars={[]}
        isDuplicate={(name, all) => all.includes(name)}
        // What is half typed isn't meant yet.
        acceptValueOnBlur={false}
        // Within the popover, which a click elsewhere closes.
        comboboxProps={{ withinPortal: false }}
      />
      <Text size="xs" c="dimmed" mt={6} aria-live="polite">
        <Offered names={names} />
      </Text>
    </>
  )
}

/** Where the names that are offered come from. */
function Offered({ names }: { names: ReturnType<typeof useSignalNames> }) {
  const { t } = useTranslation('fleet')
  const { t: common } = useTranslation()
  const text = useTroubleText()
  if (names.error) return <>{t('values.notOffered', { reason: text(names.error) })}</>
  if (names.isLoading) return <>{common('state.loading')}</>
  return <>{t('values.offered', { count: names.data?.machines ?? 0 })}</>
}
