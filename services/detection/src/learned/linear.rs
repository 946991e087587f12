//! Small dense matrices, row by row.

/// The inverse of a symmetric, positive definite matrix of `n` rows, by Cholesky. `None`: it isn't.
pub(super) fn inverse(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    // The lower triangle L of matrix = L·Lᵀ.
    let mut lower = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..=row {
            let mut sum = matrix[row * n + column];
            for k in 0..column {
                sum -= lower[row * n + k] * lower[column * n + k];
            }
            if row == column {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                lower[row * n + row] = sum.sqrt();
            } else {
                lower[row * n + column] = sum / lower[column * n + column];
            }
        }
    }
    let mut inverse = vec![0.0; n * n];
    let mut unit = vec![0.0; n];
    for column in 0..n {
        unit.fill(0.0);
        unit[column] = 1.0;
        for row in 0..n {
            let known: f64 = (0..row).map(|k| lower[row * n + k] * unit[k]).sum();
            unit[row] = (unit[row] - known) / lower[row * n + row];
        }
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|k| lower[k * n + row] * unit[k]).sum();
            unit[row] = (unit[row] - known) / lower[row * n + row];
            inverse[row * n + column] = unit[row];
        }
    }
    Some(inverse)
}

/// `a · b`, all of `n` rows.
pub(super) fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut product = vec![0.0; n * n];
    for row in 0..n {
        for k in 0..n {
            let factor = a[row * n + k];
            for column in 0..n {
                product[row * n + column] += factor * b[k * n + column];
            }
        }
    }
    product
}

/// The rows as columns.
pub(super) fn transposed(a: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|i| a[(i % n) * n + i / n]).collect()
}

/// `matrix · vector`.
pub(super) fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// The sum of products.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0];
        let one = product(&matrix, &inverse(&matrix, 3).unwrap(), 3);
        for (i, value) in one.iter().enumerate() {
            let expected = if i % 4 == 0 { 1.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-12, "{one:?}");
        }
        assert_eq!(inverse(&[1.0, 2.0, 2.0, 1.0], 2), None, "not positive definite");
    }
}
