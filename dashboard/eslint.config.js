import a11y from 'eslint-plugin-jsx-a11y'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

export default tseslint.config(
    { ignores: ['dist/', 'src/api/schema.d.ts', 'eslint*.config.js'] },
    ...tseslint.configs.strict,
    a11y.flatConfigs.recommended,
    {
        files: ['src/**/*.{ts,tsx}'],
        plugins: { 'react-hooks': hooks },
        rules: {
            ...hooks.configs.recommended.rules,
            // A screen's length, and no files that nobody reads to the end.
            'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
            'max-lines-per-function': [
                'error',
                { max: 110, skipBlankLines: true, skipComments: true },
            ],
            // Dialogs and the sign-in set the focus where a person goes on.
            'jsx-a11y/no-autofocus': 'off',
            // Data comes through src/api only.
            'no-restricted-globals': ['error', { name: 'fetch', message: 'Use src/api.' }],
        },
    },
    { files: ['src/api/**'], rules: { 'no-restricted-globals': 'off' } },
    { files: ['**/*.test.{ts,tsx}'], rules: { 'max-lines-per-function': 'off' } },
)
