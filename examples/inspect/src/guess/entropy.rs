// SPDX-License-Identifier: MIT OR Apache-2.0
//! Order-0 entropy of pages: parity of several files looks more random than each of them.

/// Bits a byte, 0 to 8, of the byte values in `bytes`.
pub(crate) fn of(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    if bytes.is_empty() {
        return 0.0;
    }
    let all = bytes.len() as f32;
    let term = |count: &u32| *count as f32 * (*count as f32).log2();
    all.log2() - counts.iter().filter(|count| **count > 0).map(term).sum::<f32>() / all
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn equal_bytes_have_none_and_all_values_alike_have_eight_bits() {
        let all: Vec<u8> = (0..4096).map(|n| n as u8).collect();
        assert_eq!((of(&[7; 4096]), of(&[])), (0.0, 0.0));
        assert!((of(&all) - 8.0).abs() < 1e-3);
        assert!((of(&all[..16]) - 4.0).abs() < 1e-3);
    }
}
