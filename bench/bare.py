"""The bare run that bench/pages.py compares with: one run of the network, its image, and no page around it."""

import base64

import streamlit as st
import torch

from diffviz.imaging.pixels import to_uint8
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import encode_png

torch.set_num_threads(1)
*_, last = sample_steps(Settings("cat face", "noto"))
image = base64.b64encode(encode_png(to_uint8(last.x[0].numpy()))).decode()
st.html(f'<div class="dv-panel"><img alt="" src="data:image/png;base64,{image}"></div>')
