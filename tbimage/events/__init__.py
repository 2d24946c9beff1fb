"""What an event file is: records, messages, file names and where the bytes go.

Nothing in here knows what an image is, encodes anything, or starts a thread; every file says in its
opening lines what lives there. Import the modules themselves: this package exports no names of its
own, so that importing one of them imports only what that one needs.
"""
