import { Button, Group, Radio, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Way } from './place'

interface WayStepProps {
  way: Way
  onBack: () => void
  onChosen: (way: Way) => void
}

/** How the machine connects. */
export function WayStep({ way, onBack, onChosen }: WayStepProps) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  const [chosen, setChosen] = useState<Way>(way)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        onChosen(chosen)
      }}
    >
      <Stack>
        <Radio.Group
          label={t('way.question')}
          value={chosen}
          onChange={(value) => setChosen(value === 'device' ? 'device' : 'agent')}
        >
          <Stack mt="xs">
            {(['agent', 'device'] as const).map((each) => (
              <Radio
                key={each}
                value={each}
                label={<Text fw={600}>{t(`way.${each}`)}</Text>}
                description={t(`way.${each}Hint`)}
              />
            ))}
          </Stack>
        </Radio.Group>
        <Group justify="space-between">
          <Button variant="default" onClick={onBack}>
            {common('action.back')}
          </Button>
          <Button type="submit">{t(`way.${chosen}Next`)}</Button>
        </Group>
      </Stack>
    </form>
  )
}
