use super::*;

#[test]
fn each_kind_of_breach_is_noticed() {
    let told = |done: &[&str], delivered: &[&str]| breach(7, done, delivered);
    assert_eq!(told(&["offer", "accept", "transfer"], &["offer", "accept", "transfer"]), None);
    assert_eq!(told(&["offer"], &["offer"]), None, "the rest was given up");
    let cases: [(&[&str], &[&str], &str); 4] = [
        (&["offer", "offer"], &["offer"], "a call was made twice"),
        (&["offer", "accept", "offer"], &["offer", "accept"], "a call was made twice"),
        (&["accept", "offer"], &["offer", "accept"], "calls were made out of order"),
        (&["offer"], &["offer", "accept"], "a call was never made"),
    ];
    for (done, delivered, wrong) in cases {
        let told = told(done, delivered).expect(wrong);
        assert!(told.starts_with(&format!("call-7: {wrong}")), "{told}");
    }
}
