//! nurse
fn main(){}
