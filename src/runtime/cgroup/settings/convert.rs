//! From the scales of cgroup v1, in which the specification speaks, to those of v2.

/// `cpu.shares` of a new v1 cgroup.
pub const DEFAULT_SHARES: u64 = 1024;
/// The range of `cpu.shares` in the kernel.
const SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;

/// What v1's kernel makes of `shares`.
#[must_use]
pub fn shares_in_range(shares: u64) -> u64 {
    shares.clamp(*SHARES.start(), *SHARES.end())
}

/// `cpu.weight` (1 to 10000) for `shares`: a quadratic through (2, 1), (1024, 100) and
/// (262144, 10000) in the logarithms, so that the defaults of both meet. The conversion of runc
/// since 1.3.2 and crun since 1.23; the older linear one made 39 of 1024.
#[must_use]
pub fn weight_of_shares(shares: u64) -> u64 {
    if shares <= *SHARES.start() {
        return 1;
    }
    if shares >= *SHARES.end() {
        return 10_000;
    }
    // Exact: below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let log = (shares as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    // In range: the exponent is between 0 and 4.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let weight = 10f64.powf(exponent).ceil() as u64;
    weight
}

/// `io.weight` (1 to 10000) for `blockIO.weight` (10 to 1000).
#[must_use]
pub fn io_weight(weight: u16) -> u64 {
    let above = u64::from(weight.saturating_sub(10));
    1 + above * 9999 / 990
}

/// `memory.swap.max` for `memory.swap`, which counts memory too. Both in bytes, −1 is unlimited.
/// `None` where the sum is smaller than the part, or has no part.
#[must_use]
pub fn swap_alone(both: i64, memory: Option<i64>) -> Option<i64> {
    match (both, memory) {
        (..0, _) => Some(-1),
        (_, None | Some(..0)) => None,
        (both, Some(memory)) => (both >= memory).then(|| both - memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights_by_the_quadratic_formula() {
        let expected = [
            (0, 1),
            (2, 1),
            (10, 4),
            (51, 11),
            (102, 17),
            (256, 35),
            (512, 59),
            (1024, 100),
            (2048, 174),
            (4096, 303),
            (262_144, 10_000),
            (u64::MAX, 10_000),
        ];
        for (shares, weight) in expected {
            assert_eq!(weight_of_shares(shares), weight, "{shares}");
        }
    }

    #[test]
    fn more_shares_never_weigh_less() {
        let weights: Vec<u64> = (2..=262_144).map(weight_of_shares).collect();
        assert!(weights.is_sorted());
        assert!(weights.iter().all(|weight| (1..=10_000).contains(weight)));
    }

    #[test]
    fn block_weights_keep_their_ends() {
        assert_eq!([10, 100, 500, 1000].map(io_weight), [1, 910, 4950, 10_000]);
    }

    #[test]
    fn swap_is_what_remains_of_the_sum() {
        assert_eq!(swap_alone(300, Some(100)), Some(200));
        assert_eq!(swap_alone(100, Some(100)), Some(0));
        assert_eq!(swap_alone(-1, Some(100)), Some(-1));
        assert_eq!(swap_alone(-1, None), Some(-1));
        assert_eq!(swap_alone(99, Some(100)), None);
        assert_eq!(swap_alone(100, None), None);
        assert_eq!(swap_alone(100, Some(-1)), None);
    }
}
