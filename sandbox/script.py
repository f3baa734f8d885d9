"""The lines of the second cast, every one invented for this project. `sandbox/stage.py` puts them on.

`>` is the owner, `<` the contact, `--` a new day, `==` the point where the continuation begins.
"""

SCRIPT: dict[str, str] = {
    "Juno Castellan": """
        < did the tomatoes survive the hail
        > two did
        > the third one is more of a concept now
        < noooo
        < I can bring you seedlings on thursday
        > yess please
        > i'll trade you for plum jam
        < deal!! the one with cardamom?
        > obviously
        --
        < the seedlings are on your doorstep, you weren't home
        > was at the pool!
        > they look so healthy i feel judged
        < talk to them a bit, it helps
        > what do they like
        < gossip mostly
        > great i have plenty
        --
        < how are the children
        > the tomatoes? tall and rude
        < that's how you know it worked
        > jam is ready btw, two jars with your name on
        < I'm coming over with bread
        > best news of the week
        ==
        < are you around saturday morning? there's a plant swap at the old station
        > ooh yes
        > what time do the good ones go
    """,
    "Teo Brandt": """
        < you left your bike light at ours
        > ah thats where it is
        > i blamed the cat
        < poor cat
        > she has done worse
        < Shall I drop it at the workshop?
        > that'd be lovely, im there till six
        --
        < How was the ride up to the dam?
        > wind the whole way
        > both directions somehow
        < Physics would like a word
        > physics wasn't there
        < :D Next time take the forest road
        > next time i take the bus
        --
        < New chain arrived, want to fit it together?
        > yes pls, i always put it on backwards
        < A chain has no backwards
        > watch me
        < Wednesday after work then
        > perfect, i bring the good biscuits
        ==
        < Rain tomorrow. Still up for the chain?
        > yep, the workshop has a roof
        > allegedly
    """,
    "Mina Solberg": """
        < Little one finally sleeps!! I have twenty minutes of life
        > quick, what do we do with it
        < drink tea while it is HOT
        > radical
        < how is the flat
        > painted the kitchen green
        > it was meant to be grey
        < I love it already, send a picture
        > tomorrow, in daylight it looks less like a swamp
        --
        < She said "boat" today
        > to a boat??
        < to a shoe
        > close enough, floats once
        < hahaha
        < her words count is now four
        > proud aunt over here
        --
        < do you still have the folding chairs?
        > four good ones and one with opinions
        < may we borrow the four
        > take all five, it builds character
        ==
        < we're thinking picnic sunday if the sun plays along
        > count me in
        > i'll make the lemon thing
    """,
    "Rafi Amadi": """
        < choir tonight or are you skipping again
        > im coming!!
        > skipped once. ONCE
        < three times
        > the second one was a power cut
        < not at the choir
        > at my motivation
        < fair. seven sharp, we do the fast one
        > warming up on the tram, people love it
        --
        < you sang the alto line
        > did i
        < very convincingly
        > it's where the cookies were standing
        < next week tenors get the cookies
        > politics
        --
        < concert list is out, you're on chairs and posters
        > posters gladly
        > chairs gladly but louder
        < thank you star
        > hm what colour was it last year
        < orange, never again
        > so teal
        < so teal
        ==
        < the printer asks if the poster can be done by monday
        > draft is nearly there
        > sending you two versions tonight
    """,
    "Lena Whitlock": """
        < Good morning dear, did the parcel come?
        > hi gran! yes, this morning
        > the socks are so warm
        < I made the stripes the colour of your kitchen
        > you heard about the kitchen
        < Your mother sent a picture. It is very green.
        > its growing on me
        < Like moss
        > exactly like moss :)
        --
        < I have learnt to send hearts, look ❤️
        > ❤️ pro
        < Your cousin showed me. Next are the moving pictures.
        > nobody is safe
        < Eat something warm today
        > soup is on
        < Good
        --
        < The heron is back at the pond
        > the grumpy one?
        < The very same. He remembers me.
        > give him my regards
        ==
        < Will you come for cake on Sunday? The plums are ripe.
        > of course
        > shall i bring the big pot for the jam
    """,
    "Ivo Marchetti": """
        < quick one: is the projector still with you
        > yes, under the stairs, wearing a blanket
        < may the film club have it friday
        > sure, pick it up whenever
        < you are a saint
        > a saint with one missing cable
        < the long one?
        > the long one
        < I have three long ones, it was always you who loses them
        > rude and true
        --
        < we show the one with the lighthouse
        > omg i love that one
        > save me a seat that doesn't squeak
        < there is no such seat
        > then the quietest
        < front row left, bring a cushion
        > bringing two
        --
        < forty people came!!
        > the projector is blushing
        < it hummed in tune with the score
        > it trained with the choir
        ==
        < next month's film: comedy or something with trains?
        > a comedy with trains
        > must exist
    """,
}
