// For tests/browser, which has no packages of its own; run from the repository's root.
import tseslint from 'typescript-eslint'

export default tseslint.config(...tseslint.configs.strict, {
    rules: {
        'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
        'max-lines-per-function': ['error', { max: 110, skipBlankLines: true, skipComments: true }],
        // A test with people takes nothing else, and must say so in this form.
        'no-empty-pattern': 'off',
    },
})
