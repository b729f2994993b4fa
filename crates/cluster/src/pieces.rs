//! Lists that go into messages of bounded size.

use crate::name::Name;

/// The most that the parts of one message take which grow with what there is to say. A message is no longer than it, unless a single
/// element of it is.
pub const PIECE_BYTES: usize = 60 * 1024;

/// How many bytes a name takes on its way, about, with a place or a ticket beside it.
pub fn name_bytes(name: &Name) -> usize {
    const PLACE: usize = 28;
    name.bytes().len() + PLACE
}

/// A list in pieces of at most so many bytes, or of one element. An empty list is one empty piece.
pub fn pieces<T>(list: Vec<T>, most: usize, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut pieces, mut piece, mut taken) = (Vec::new(), Vec::new(), 0);
    for element in list {
        let size = bytes(&element);
        if taken + size > most && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
            taken = 0;
        }
        taken += size;
        piece.push(element);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_short_or_a_single_element() {
        assert_eq!(
            pieces(vec![3, 3, 9, 1, 1, 1, 4], 6, |&size| size),
            [vec![3, 3], vec![9], vec![1, 1, 1], vec![4]]
        );
        assert_eq!(pieces(Vec::<usize>::new(), 6, |&size| size), [vec![]]);
    }
}
