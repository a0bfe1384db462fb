//! Products that submit in formats of their own, each driven from HTTP alone as its own pages write it.

mod quick_bi;
