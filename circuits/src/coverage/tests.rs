//! Claim C1 against its native twin, at its pinned cost, and through the soundness regime.

use super::structure;
use popw_claims::coverage::Shape;

#[test]
fn count() {
    let r1cs = structure(&Shape::new(14));
    println!("{}", r1cs.constraints());
    for (name, rows) in crate::catalog::breakdown(&r1cs) {
        println!("{name} {rows}");
    }
}
