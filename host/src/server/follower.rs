//! The deployer's thread: follows the guests folder, and does what workers ask for.

use std::sync::mpsc::Receiver;

use super::deployer::Deployer;
use crate::guest::version::Report;

/// What the thread is told.
pub enum Order {
    /// By a worker.
    Report(Report),
    /// Nothing is deployed any more.
    Stop,
}

/// Runs until it is told to stop.
pub(super) fn follow(mut deployer: Deployer, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match order {
            // Freed here.
            Order::Report(Report::Retired(_)) => {}
            Order::Report(Report::Troubled { guest }) => deployer.roll_back(guest),
            Order::Stop => return,
        }
    }
}
